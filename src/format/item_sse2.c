/* The item walk with SSE2, which every x86-64 has. */
#include "stop_priv.h"

#ifdef KO_HAS_X86
#define KO_WALK_STOP ko_stop_sse2
#define KO_WALK_EASY ko_easy_sse2
#define KO_WALK_SAME ko_same_sse2
#define KO_WALK_ITEM ko_item_walk_sse2
#define KO_WALK_TARGET
#include "item_walk_priv.h"
#endif
