package logfile

import "time"

// retryTime is how long the file waits after an error before it is opened again, and how often it
// is looked whether it was moved.
const retryTime = time.Second
