//go:build !linux

package confine

import "errors"

// Enter is for Linux alone.
func Enter(Plan, func() error) error {
	return errors.New("process.user: this system cannot become another user here: start the " +
		"program as that user")
}

// Wanted reports whether a plan has anything that [Enter] would do.
func (p Plan) Wanted() bool { return p.User != "" }

// Shed is for Linux alone.
func Shed(Plan) error { return nil }

// Filter is for Linux alone; elsewhere there is nothing to miss.
func (r *Report) Filter() {}

// Around returns the path.
func Around(p Path) []Path { return []Path{p} }

// System returns what any process uses.
func System(string) []Path { return nil }

// Capabilities returns those that this process may use, for people.
func Capabilities() string { return "" }
