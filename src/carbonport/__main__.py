"""`python -m carbonport`: the same program as the command `carbonport`."""

from carbonport.node.cli import main

if __name__ == "__main__":
    main()
