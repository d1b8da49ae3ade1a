# find_package(cancelbus): target cancelbus::client.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Protobuf)
find_dependency(cppzmq CONFIG)
include(${CMAKE_CURRENT_LIST_DIR}/cancelbus-targets.cmake)
