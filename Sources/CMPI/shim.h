// Values that the MPI standard defines as C macros, which Swift cannot import.
#pragma once
#include <mpi.h>
