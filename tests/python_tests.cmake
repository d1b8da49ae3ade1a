# An entry of ctest for these files of Python tests. ctest shows it as skipped if any test was; skips.py says why.
function(add_python_tests name)
  string(REGEX REPLACE "\\..*" "" label ${name})
  add_test(NAME ${name} COMMAND ${CANCELBUS_PYTHON} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/skips.py run ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${CANCELBUS_FILE_SECONDS} SKIP_RETURN_CODE 77
    ENVIRONMENT "CANCELBUS_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()
