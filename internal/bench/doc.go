// Package bench compares Claviger with servers that do as little as can be done, on
// one machine, in one run: the figures of docs/performance.md. It has no code of its
// own, and nothing that is shipped may need it.
//
// The servers run in processes of their own on one core, with GOMAXPROCS=1; the load
// comes from the test's process on another core. Whatever is compared takes turns in
// short rounds, and what counts are medians of ratios: a machine that is busy with
// something else is busy for both. Beside the ratios stands the time that the
// server's process spent on a CPU, which is the steadier figure.
//
//	load_test.go      the load: keep-alive connections over epoll, one answer awaited on each
//	peers_test.go     the servers that one compares with, and where processes run
//	report_test.go    what is printed
//	compare_test.go   forward-auth, introspection, gateway, behind nginx
//	growth_test.go    10³ credentials against more (BENCH_CREDENTIALS=100000,1000000)
//	single_test.go    what is measured one by one: decision, lookup, durable act, start
//
// `go test` runs all of it with rounds of milliseconds, to see that it works; nothing
// fails because it is slow. `make bench` sets BENCH_ROUNDS and means it.
package bench
