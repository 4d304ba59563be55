# Builds for aarch64 with Debian's gcc-aarch64-linux-gnu; the libraries are
# Debian's own for arm64 (scripts/install-deps cross).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Only what is under the multiarch folder, never this machine's libraries.
set(ENV{PKG_CONFIG_LIBDIR}
	/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
find_program(QEMU_AARCH64 qemu-aarch64-static)
if(QEMU_AARCH64)
	set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU_AARCH64})
endif()
