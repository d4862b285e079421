def registerCallbacks(reg):
    reg.registerCallback("script", "key", lambda sg, logger, event, args: None)
