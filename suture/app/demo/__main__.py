"""Entry point of `python -m suture.app.demo`."""

from suture.app.demo.main import main

if __name__ == "__main__":
    main()
