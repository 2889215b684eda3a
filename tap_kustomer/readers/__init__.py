"""How each kind of endpoint is read: searches, lists, cursors and children."""
