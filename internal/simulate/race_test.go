//go:build race

package simulate_test

// usualSeeds is how many worlds are played under the race detector, which takes ten times as long.
const usualSeeds = 40
