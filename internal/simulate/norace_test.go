//go:build !race

package simulate_test

// usualSeeds is how many worlds are played if nobody asks for more.
const usualSeeds = 300
