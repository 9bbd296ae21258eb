"""What each subcommand of ``biocredit`` does."""
