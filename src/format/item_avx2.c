/* The item walk with AVX2; called only where the machine has it. */
#include "stop_priv.h"

#ifdef KO_HAS_X86
#define KO_WALK_STOP   ko_stop_avx2
#define KO_WALK_EASY   ko_easy_avx2
#define KO_WALK_SAME   ko_same_avx2
#define KO_WALK_ITEM   ko_item_walk_avx2
#define KO_WALK_TARGET KO_AVX2
#include "item_walk_priv.h"
#endif
