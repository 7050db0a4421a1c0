#pragma once

/*
 * Which kind of link leads to which kind of place
 */

#include "cache/remote/link.h"

int dial(const Access *access, Link **ret); /* -ENOMEM; connecting comes later */
