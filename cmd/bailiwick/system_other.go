//go:build !unix

package main

import (
	"errors"
	"os"
	"time"
)

// upgradeSignal is nil: there is no signal for an upgrade here, and no upgrade.
var upgradeSignal os.Signal

// duplicate fails: sockets are handed to another process on Unix alone.
func duplicate(uintptr) (uintptr, error) {
	return 0, errors.New("this system cannot hand sockets to a new process")
}

// closeDuplicate has nothing to close.
func closeDuplicate(uintptr) {}

// processorTime returns 0: it is not measured here.
func processorTime() time.Duration { return 0 }
