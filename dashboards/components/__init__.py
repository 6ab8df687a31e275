"""Pieces that pages are put together from. They decide nothing: what they show, they are given."""
