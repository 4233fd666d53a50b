"""Run the command line as `python -m portevoix`."""

from __future__ import annotations

from portevoix.cli import main

if __name__ == "__main__":
    main()
