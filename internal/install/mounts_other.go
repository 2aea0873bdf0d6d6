//go:build !linux

package install

// immutable and mounted are about resolv.conf under systemd.
func immutable(string) bool { return false }

func mounted(string) bool { return false }
