"""What happens to files and settings when everything that can go wrong does: ``make reliability`` prints one table.

Every module has a ``main(count)`` that tries up to `count` cases and returns rows ``(what, asked, seen, holds)``; small
fixed subsets of the same cases run among the unit tests.
"""
