//go:build !linux

package transport

import "errors"

// AbsentAddresses reports whether sockets can be opened at addresses that are not there yet.
const AbsentAddresses = false

// bindAbsent fails: this system has no such option.
func bindAbsent(int) error { return errors.ErrUnsupported }

// Interfaces reports whether questions can be bound to a network interface on this system.
const Interfaces = false

// prepareSocket fails for an interface: this system has no such option.
func prepareSocket(_ int, device string) error {
	if device != "" {
		return errors.ErrUnsupported
	}
	return nil
}
