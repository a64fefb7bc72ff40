"""Whether an anonymized image or video still shows somebody, whatever tool made it."""
