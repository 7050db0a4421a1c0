/*
 * What dpucc-remote is sent: a Request, unpacked and made a task, with and without descriptors.
 * Whatever becomes a task has names that are safe in URLs, keys and paths.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cache/place.h"
#include "cache/remote/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name) {
        if (name[0] == '/' || strstr(name, "..") || strstr(name, "//") ||
            strpbrk(name, " \n\r?#%:@") || strlen(name) >= TASK_NAME_MAX)
                abort();
}

static void check_task(const Task *task) {
        if (task->kind == TASK_GET)
                check_name(task->request->get->name);
        if (task->kind != TASK_PUT)
                return;
        check_name(task->request->put->record_name);
        for (size_t i = 0; i < task->request->put->n_objects; i++) {
                check_name(task->request->put->objects[i]->name);
                if (task->fds[i] < 0)
                        abort();
        }
}

static void make_task(Slice body, size_t n_fds) {
        _cleanup_(task_freep) Task *task = NULL;
        Frame frame = { .body = BYTES_INIT(body.size) };
        ProtobufCMessage *message;

        if (bytes_append(&frame.body, body.data, body.size) < 0)
                return;
        for (; frame.n_fds < n_fds; frame.n_fds++)
                frame.fds[frame.n_fds] = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (frame_unpack(&frame, &dpucc__remote__request__descriptor, &message) == 0) {
                Dpucc__Remote__Request *request = (Dpucc__Remote__Request *) message;

                if (task_new(&task, request, &frame, 2) == 0)
                        check_task(task);
                else
                        dpucc__remote__request__free_unpacked(request, NULL);
        }
        frame_deinit(&frame);
}

/* a URL comes from a configuration, where a program may have put it */
static void parse_place(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *url = strndup((const char *) data, size);
        Problem problem;
        Place place;

        if (url && place_parse(url, &place, &problem) == 0 && strchr(place.host, '@'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size == 0)
                return 0;
        make_task(slice_of(data + 1, size - 1), data[0] % (FRAME_FDS_MAX + 1));
        parse_place(data, size);
        return 0;
}
