// Package service is the server as the service manager and its own successor see it: what it tells
// the manager, the sockets that it inherits or hands over, and how it ends.
package service

import "time"

// Config is what the operator decides about the end of the process.
type Config struct {
	// Wait is how long the server goes on as before after /readyz has turned off.
	Wait time.Duration
	// Answers is how long queries in work may take afterwards.
	Answers time.Duration
	// SaveInterval is the time between two savings of the caches; 0: they are never saved.
	SaveInterval time.Duration
	// Rest is how long nobody asks before what comes again and again waits for the next question;
	// 0: it never does.
	Rest time.Duration
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{Wait: time.Second, Answers: 2 * time.Second, SaveInterval: 15 * time.Minute}
}
