// A pool of goroutines for resolutions. A resolution needs a deep stack, and growing a new one
// costs more than waking an idle goroutine.

package server

// work runs a job in an idle goroutine of the pool, or in a new one.
func (s *Server) work(job func()) {
	select {
	case s.jobs <- job:
	default:
		s.wg.Go(func() { s.worker(job) })
	}
}

func (s *Server) worker(job func()) {
	for {
		job()
		if s.idle.Add(1) > maxIdleWorkers {
			s.idle.Add(-1)
			return
		}
		select {
		case job = <-s.jobs:
			s.idle.Add(-1)
		case <-s.ctx.Done():
			return
		}
	}
}
