package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// ballast is how many bytes the garbage collector is made to believe are in use.
const ballast = 64 << 20

// easeCollector lets a server that has little in memory collect its garbage after tens of
// thousands of requests rather than after a few thousand: the collector waits until there
// is as much garbage as there is in use, and ballast counts as in use. It is never written
// to, so that the system gives no memory for it. Where the environment tells the collector
// what to do (GOGC, GOMEMLIMIT), that alone counts. The ballast lives until end.
func easeCollector() (end func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	unused := make([]byte, ballast)
	go debug.FreeOSMemory() // what the start left, which would lie about for long
	return func() { runtime.KeepAlive(unused) }
}
