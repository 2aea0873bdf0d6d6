package wire

import "fmt"

// parseError names what is malformed in a message, and where.
type parseError struct {
	What   string // what is wrong, in the terms of the RFC
	Offset int    // octets from the start of the message, or of a name in presentation form
}

func (e *parseError) Error() string { return fmt.Sprintf("%s at offset %d", e.What, e.Offset) }

func malformed(what string, off int) error { return &parseError{What: what, Offset: off} }
