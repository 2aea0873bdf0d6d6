//go:build !linux

package aside

// giveWay does nothing: other systems have no priorities of single threads that Go could set.
func giveWay() {}
