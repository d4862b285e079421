"""Keep the status of a Task in step with its newest Version.

Reacts to: the status of a Version.
Does: sets the status of the Task that the Version is linked to, by the table below.
Needs: that the service's script user may read Versions and edit Tasks.
"""

# status of the Version: status of its Task
TASK_STATUS = {"rev": "rev", "vwd": "rev", "apr": "fin", "rej": "ip"}


def registerCallbacks(reg):
    # None, None: `sg` logs in as the service's own script. Give a name and a key to log in as another one.
    wanted = {"Shotgun_Version_Change": ["sg_status_list"]}
    reg.registerCallback(None, None, version_changed, wanted, TASK_STATUS)


def version_changed(sg, logger, event, args):
    status = args.get(event["meta"].get("new_value"))
    if status is None or event["entity"] is None:
        return
    version = sg.find_one("Version", [["id", "is", event["entity"]["id"]]], ["sg_task"])
    if not version or not version["sg_task"]:
        return
    task_id = version["sg_task"]["id"]
    newest = sg.find_one(
        "Version", [["sg_task", "is", version["sg_task"]]], order=[{"field_name": "id", "direction": "desc"}]
    )
    task = sg.find_one("Task", [["id", "is", task_id]], ["sg_status_list"])
    # An event can be delivered twice: writing only a difference makes the second time harmless.
    if newest["id"] == version["id"] and task and task["sg_status_list"] != status:
        sg.update("Task", task_id, {"sg_status_list": status})
        logger.info("Task %s is now '%s', like Version %s", task_id, status, version["id"])
