// Goroutines that resolve. They are used again: a resolution needs a deep stack, and growing one
// costs more than waking its owner.

package server

// work runs a job in a goroutine, that of an earlier job if one is idle.
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
