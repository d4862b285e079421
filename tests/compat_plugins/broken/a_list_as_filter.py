def registerCallbacks(reg):
    reg.registerCallback("script", "key", print, ["Shotgun_Task_Change"])
