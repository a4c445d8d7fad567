# Writes to OUT the commit of the sources in SOURCE, as a function, where it is another than
# stands there:
#
#     cmake -D SOURCE=folder -D OUT=file.cpp -P common/commit.cmake
#
# Its text is empty for sources without history, and ends with " dirty" where tracked files
# were changed since. Locks nothing: somebody may be committing meanwhile.
cmake_minimum_required(VERSION 3.25)

foreach(variable GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE)  # a hook's: of another repository
  unset(ENV{${variable}})
endforeach()

set(text "")
find_program(GIT git)
if(GIT)
  # In the midst of somebody else's repository its commits would not be ours.
  execute_process(COMMAND ${GIT} -C ${SOURCE} ls-files --error-unmatch CMakeLists.txt
    RESULT_VARIABLE unknown OUTPUT_QUIET ERROR_QUIET)
  if(unknown EQUAL 0)
    execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --short=12 HEAD
      OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(
      COMMAND ${GIT} --no-optional-locks -C ${SOURCE} status --porcelain
        --untracked-files=no
      OUTPUT_VARIABLE changes ERROR_QUIET)
    if(NOT text STREQUAL "" AND NOT changes STREQUAL "")
      string(APPEND text " dirty")
    endif()
  endif()
endif()

set(source "// Written by common/commit.cmake.
namespace echolab::build {
const char* commit_text();
const char* commit_text() { return \"${text}\"; }
}  // namespace echolab::build
")
set(before "")
if(EXISTS ${OUT})
  file(READ ${OUT} before)
endif()
if(NOT source STREQUAL before)
  file(WRITE ${OUT} "${source}")
endif()
