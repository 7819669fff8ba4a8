/* normal.h - any English text as it is heard: see fold_normal_form. */
#ifndef NORMAL_H
#define NORMAL_H

#include "fold.h"

#endif
