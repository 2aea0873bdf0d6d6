package wire

import "fmt"

// Error names what is malformed in a message, and where.
type Error struct {
	What   string // what is wrong, in the terms of the RFC
	Offset int    // octets from the start of the message, or of a name in presentation form
}

func (e *Error) Error() string { return fmt.Sprintf("%s at offset %d", e.What, e.Offset) }

func malformed(what string, off int) error { return &Error{What: what, Offset: off} }
