//go:build !linux

package transport

import (
	"errors"
	"os"

	"bailiwick/internal/xdp"
)

// XDP is for Linux alone: elsewhere it has no interfaces.
type XDP struct{ lost map[string]error }

// NewXDP returns an XDP without interfaces.
func NewXDP(XDPParts) *XDP { return &XDP{map[string]error{}} }

// errNoXDP is why an interface is not served.
var errNoXDP = errors.New("only Linux has AF_XDP")

// Open fails.
func (x *XDP) Open(s xdp.Spec) error {
	x.lost[s.Interface] = errNoXDP
	return errNoXDP
}

// Adopt fails.
func (x *XDP) Adopt(s xdp.Spec, _ func(name string) *os.File, _ <-chan struct{}) error {
	return x.Open(s)
}

// Use does nothing.
func (x *XDP) Use([]XDPTarget) {}

// Start does nothing.
func (x *XDP) Start() {}

// States returns why the interfaces are not served.
func (x *XDP) States() (all []XDPState) {
	for name, err := range x.lost {
		all = append(all, XDPState{Interface: name, Err: err})
	}
	return all
}

// Keep returns the names of all that is wanted, as missing.
func (x *XDP) Keep(specs []xdp.Spec) (left, missing []string) {
	for _, s := range specs {
		missing = append(missing, s.Interface)
	}
	return nil, missing
}

// Each does nothing.
func (x *XDP) Each(func(name string, fd uintptr) error) error { return nil }

// Detach does nothing.
func (x *XDP) Detach() {}

// Stop does nothing.
func (x *XDP) Stop() {}

// Close does nothing.
func (x *XDP) Close() {}
