/* The item walk in plain C, for any machine. */
#define KO_WALK_STOP ko_stop_plain
#define KO_WALK_EASY ko_easy_plain
#define KO_WALK_SAME ko_same_plain
#define KO_WALK_ITEM ko_item_walk_plain
#define KO_WALK_TARGET
#include "item_walk_priv.h"
