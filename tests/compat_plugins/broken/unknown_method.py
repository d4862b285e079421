def registerCallbacks(reg):
    reg.getEngine()
