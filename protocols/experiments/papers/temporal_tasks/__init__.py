"""The shelf of cognitive tasks under temporal credit rules, on rates and on spikes."""
