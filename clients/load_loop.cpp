#include "clients/load_loop.hpp"

namespace echolab {

template class LoadLoop<EchoCaller, EpollEngine>;
template class LoadLoop<WorkCaller, EpollEngine>;
template class LoadLoop<HttpCaller, EpollEngine>;
template class LoadLoop<EchoCaller, UringEngine>;
template class LoadLoop<WorkCaller, UringEngine>;
template class LoadLoop<HttpCaller, UringEngine>;

}  // namespace echolab
