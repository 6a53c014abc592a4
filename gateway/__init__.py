"""Mail in and mail out: no HTTP and no templates."""
