"""Reading by search: pages, windows, ties, slices, the tail, and the count that proves them."""
