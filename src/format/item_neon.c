/* The item walk with NEON, which every 64-bit ARM has. */
#include "stop_priv.h"

#ifdef KO_HAS_NEON
#define KO_WALK_STOP ko_stop_neon
#define KO_WALK_EASY ko_easy_neon
#define KO_WALK_SAME ko_same_neon
#define KO_WALK_ITEM ko_item_walk_neon
#define KO_WALK_TARGET
#include "item_walk_priv.h"
#endif
