// Package deploy has the unit file of the service, and the configuration that bailiwick install
// writes where there is none, as the program carries them.
package deploy

import _ "embed" // the files

// Unit is deploy/bailiwick.service.
//
//go:embed bailiwick.service
var Unit []byte

// Laptop is deploy/laptop.yaml.
//
//go:embed laptop.yaml
var Laptop []byte
