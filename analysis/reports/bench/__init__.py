"""What a bench found: tables, figures and a page from the traces in its folder."""
