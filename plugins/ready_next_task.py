"""When a Task is final, make the Tasks that wait for it ready to start.

Reacts to: the status of a Task becoming `fin`.
Does: sets each downstream Task that is waiting (`wtg`) and whose upstream Tasks are all final to ready (`rdy`).
Needs: that the service's script user may edit Tasks.
"""

FINAL, WAITING, READY = "fin", "wtg", "rdy"


def registerCallbacks(reg):
    # None, None: `sg` logs in as the service's own script. Give a name and a key to log in as another one.
    reg.registerCallback(None, None, ready_next_tasks, {"Shotgun_Task_Change": ["sg_status_list"]})


def ready_next_tasks(sg, logger, event, args):
    if event["entity"] is None or event["meta"].get("new_value") != FINAL:
        return  # the Task is gone, or the change was to another status
    waiting = sg.find(
        "Task",
        [["upstream_tasks", "is", event["entity"]], ["sg_status_list", "is", WAITING]],
        ["content", "upstream_tasks"],
    )
    for task in waiting:
        upstream = sg.find(
            "Task", [["id", "in", [link["id"] for link in task["upstream_tasks"]]]], ["sg_status_list"]
        )
        if all(other["sg_status_list"] == FINAL for other in upstream):
            sg.update("Task", task["id"], {"sg_status_list": READY})
            logger.info("Task %s '%s' is ready to start", task["id"], task["content"])
