/* front_weights.h - the weights of what makes frames of sound: Moonshine's stem, the convolutions
 * of wav2vec 2.0 and HuBERT, or log-mels. */
#ifndef FRONT_WEIGHTS_H
#define FRONT_WEIGHTS_H

#include "loader.h"

/* What the configuration says of it: its kind, shape, samples a frame, and the least samples. */
void front_weights_configure(struct loader *l);

/* Its tensors. */
void front_weights_load(struct loader *l);

#endif
