"""``graft serve``: the classifier over HTTP, and a page to try it on."""
