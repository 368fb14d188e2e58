# Cross-compiles for 64-bit ARM with the libraries in KEEPONE_SYSROOT, and runs tests with qemu; see
# scripts/test-arm64.
set(sysroot $ENV{KEEPONE_SYSROOT})
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_SYSROOT ${sysroot})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${sysroot})
# What only libraries of libraries ask for, such as libblas of hwloc's plugins, need not be there.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,--allow-shlib-undefined -Wl,-rpath-link,${sysroot}/usr/lib/\
aarch64-linux-gnu:${sysroot}/lib/aarch64-linux-gnu")
