package workers

// Idle returns how many goroutines wait for a job.
func (p *Pool) Idle() int { return int(p.idle.Load()) }
