# SPDX-License-Identifier: Apache-2.0
#
# Steps through the system calls by which a start or a reload of httpd changes something: strace
# writes them down once, and then, at one of them, kills httpd before the call is made, stops
# it, or has the call fail. Two calls that only read have the same files between them, so
# being killed at a call that changes something stands for all calls since the one before.
package FPMT::Steps;

use strict;
use warnings;
use Fcntl qw(:flock);
use FPMT;
use FPMT::Process;

# "?": strace goes on where a machine has no such call.
my $CALLS = join ',', map { "?$_" } qw(open openat creat write pwrite64 writev ftruncate fsync fdatasync
    rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat rmdir mkdir mkdirat mknod
    mknodat chmod fchmod fchmodat chown fchown fchownat lchown flock kill tgkill bind clone clone3 fork vfork);

# ---- strace -------------------------------------------------------------------------------

# The module's calls are made by one process, which alone is followed: php-fpm -t and httpd's
# children are left alone.
sub strace {
    my ($s, $trace, $inject, @command) = @_;
    my $log = "$s->{dir}/strace";
    unlink $log;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', "$log.out";
        open STDERR, '>&', \*STDOUT;
        exec '/usr/bin/strace', qw(-q -y -s 400 -e signal=STOP -o), $log, '-e', "trace=$trace",
            ($inject ? ('-e', "inject=$inject") : ()), @command;
        die "strace: $!\n";
    }
    return $pid;
}

# What was traced: { call, n, text }, n counting the calls of that name from 1 on. The text is
# the same in each run: without numbers of processes, random names and what the call gave.
sub read_log {
    my ($s) = @_;
    my (@calls, %count);
    for (split /\n/, slurp("$s->{dir}/strace") // '') {
        my ($call, $rest) = /^(\w+)\((.*)/ or next;
        my $what = $rest =~ s/\s+= (?:-?\w+(?:<.*>)?|\?)( \(INJECTED.*| E[A-Z]+ .*)?$//r;
        my $injected = $rest =~ /\(INJECTED/ ? 1 : 0;
        s/\Q$s->{dir}\E/DIR/g, s/\Q$TDIR\E/TDIR/g, s/AT_FDCWD<.*?>/AT_FDCWD/g, s/\.fpmpool-\d+-/.fpmpool-PID-/g,
            s/fpmpool-test\.[\w.]+/STAGE/g, s/\.pid\.\w{6}/.pid.RANDOM/g, s/apr-tmp\.\w+/apr-tmp.RANDOM/g,
            s/<(socket|pipe):\[\d+\]>/<$1>/g, s/\b\d+</</g, s/"\[\w{3} \w{3} .*/LOG LINE/, s/"; Written by .*/POOL FILE/,
            s/"\[global\].*/MAIN FILE/, s/"\d+\\n", \d+/PID/, s/(?:child_tidptr|stack)=\w+/ADDRESS/g, s/sin_port=\S+/PORT/,
            s/fpmt_(?:bert|carl)\b/fpmt_OTHER/g for $what;
        $what = 'a new process)' if $call =~ /^clone|fork/;
        $what =~ s/^\d+/PID/ if $call eq 'kill';
        push @calls, { call => $call, n => ++$count{$call}, text => "$call($what", injected => $injected,
            full => "$call($rest" };
    }
    return @calls;
}

# Does it change a file, a process or a lock?
sub changes {
    my ($step) = @_;
    local $_ = $step->{text};
    # How many files are opened before these depends on how long PHP-FPM's reload took; of the
    # lock, flock(2) comes next.
    return 0 if m{^openat\(AT_FDCWD, "DIR/(?:error_log|httpd\.pid|tmp/apr-tmp)|"\.fpmpool-lock"};
    return /O_CREAT|O_TRUNC/ ? 1 : 0 if /^open(?:at)?\(/;
    return 0 if /^bind\(.*AF_NETLINK/ || /^t?g?kill\(.*, 0\)/ || /^writev?\(<pipe/;
    return 1;
}

# ---- a start --------------------------------------------------------------------------------

# The changing calls of a start, from its reading of the configuration until it serves.
sub of_start {
    my ($s) = @_;
    my $before = $s->generations;
    my $pid = strace($s, $CALLS, undef, $s->command('-DFOREGROUND'));
    wait_for(30, sub { $s->generations > $before }) or die "no start under strace: " . $s->log;
    my @calls = read_log($s);
    $s->get('localhost', '/none'); # as in Numbered
    end($s, $pid);
    return between($s, @calls);
}

sub between {
    my ($s, @calls) = @_;
    shift @calls while @calls && $calls[0]{text} !~ m{^open.*"DIR/httpd\.conf"};
    my @stretch;
    for (@calls) { last if $_->{full} =~ /resuming normal operations/; push @stretch, $_ }
    return grep { changes($_) } @stretch;
}

# Starts so that at this step it happens: signal=KILL or error=ENOSPC. The text of what it
# happened to, '' if the start did not come there.
sub start_with {
    my ($s, $step, $what) = @_;
    my $before = $s->generations;
    my $pid = strace($s, $step->{call}, "$step->{call}:$what:when=$step->{n}", $s->command('-DFOREGROUND'));
    my $gone = 0;
    wait_for(40, sub { $gone = waitpid($pid, 1) == $pid; return $gone || $s->generations > $before })
        or die "$step->{text}: neither served nor ended: " . $s->log;
    $s->{tracer} = $gone ? 0 : $pid;
    return met($s, $what);
}

sub met {
    my ($s, $what) = @_;
    my @calls = read_log($s);
    my ($hit) = $what =~ /^error/ ? grep { $_->{injected} } @calls
        : grep { $_->{full} =~ /= \?$/ } $calls[-1]; # it gave nothing
    return $hit ? $hit->{text} : '';
}

# Ends what start_with left.
sub end {
    my ($s, $pid) = @_;
    $pid //= delete $s->{tracer};
    $s->stop;
    waitpid $pid, 0 if $pid;
}

# ---- a reload -------------------------------------------------------------------------------

# The lock of a pool directory, until the value goes out of scope.
sub lock_of {
    my ($fpm) = @_;
    my $file = "$fpm->{dir}/pool.d/.fpmpool-lock";
    open my $lock, '+<', $file or die "$file: $!\n";
    flock $lock, LOCK_EX or die "$file: $!\n";
    return $lock;
}

# The process of httpd that waits for the lock of the pool directory, or has it.
sub worker_at {
    my ($s) = @_;
    my $file = "$s->{fpm}{dir}/pool.d/.fpmpool-lock";
    for my $proc (FPMT::Process::of_folder("$s->{dir}/httpd.conf")) {
        return $proc if grep { (readlink($_) // '') eq $file } glob "/proc/$proc/fd/*";
    }
    return 0;
}

sub at_lock {
    my ($s) = @_;
    return wait_for(30, sub { worker_at($s) }) || die 'no process waits for the lock: ' . $s->log;
}

# Brings a reload to where its process waits for the lock; that process.
sub reload_to_lock {
    my ($s) = @_;
    kill USR1 => $s->pid or die "no httpd to reload\n";
    return at_lock($s);
}

sub attach {
    my ($s, $pid, $trace, $inject) = @_;
    my $tracer = strace($s, $trace, $inject, '-p', $pid);
    wait_for(10, sub { (slurp("/proc/$pid/status") // '') =~ /^TracerPid:\s+$tracer$/m }) or die "strace did not attach to $pid\n";
    return $tracer;
}

# The changing calls of the process that waits for this lock, or will.
sub of_process {
    my ($s, $lock) = @_;
    my $tracer = attach($s, at_lock($s), $CALLS);
    close $lock;
    waitpid $tracer, 0;
    return grep { changes($_) && $_->{call} ne 'flock' } read_log($s);
}

# It is killed at the step, or has an error. As start_with.
sub process_with {
    my ($s, $step, $what, $lock) = @_;
    my $tracer = attach($s, at_lock($s), $step->{call}, "$step->{call}:$what:when=$step->{n}");
    close $lock;
    waitpid $tracer, 0;
    return met($s, $what);
}

# The same for the process that makes a reload's changes.
sub of_reload {
    my ($s) = @_;
    my $lock = lock_of($s->{fpm});
    reload_to_lock($s);
    return of_process($s, $lock);
}

sub reload_with {
    my ($s, $step, $what) = @_;
    my $lock = lock_of($s->{fpm});
    reload_to_lock($s);
    return process_with($s, $step, $what, $lock);
}

# It stops at the step, and nobody follows it any more: its number, and as start_with.
sub stop_reload {
    my ($s, $step) = @_;
    my $lock = lock_of($s->{fpm});
    my $worker = reload_to_lock($s);
    my $tracer = attach($s, $worker, $step->{call}, "$step->{call}:signal=STOP:when=$step->{n}");
    close $lock;
    # Before that, the call's line may be half there, and the signal may go with the tracer.
    wait_for(20, sub { slurp("$s->{dir}/strace") =~ /^--- stopped by SIGSTOP/m }) or die "$step->{text}: not reached\n";
    my @calls = read_log($s);
    kill TERM => $tracer;
    waitpid $tracer, 0;
    wait_for(10, sub { (slurp("/proc/$worker/stat") // '') =~ /\) T / }) or die "$worker did not stop\n";
    return ($worker, $calls[-1]{text});
}

# The same for httpd's parent, which does not wait for that process.
sub of_parent {
    my ($s) = @_;
    my ($before, $made) = ($s->generations, $s->made);
    my $tracer = attach($s, $s->pid, $CALLS);
    kill USR1 => $s->pid;
    wait_for(30, sub { $s->generations > $before && $s->made > $made }) or die 'no reload under strace: ' . $s->log;
    my @calls = read_log($s);
    kill TERM => $tracer;
    waitpid $tracer, 0;
    return between($s, @calls);
}

sub parent_with {
    my ($s, $step, $what) = @_;
    my $before = $s->generations;
    my $tracer = attach($s, $s->pid, $step->{call}, "$step->{call}:$what:when=$step->{n}");
    kill USR1 => $s->pid;
    my $gone = 0;
    wait_for(30, sub { $gone = waitpid($tracer, 1) == $tracer; return $gone || $s->generations > $before });
    if (!$gone) { kill TERM => $tracer; waitpid $tracer, 0 }
    return met($s, $what);
}

# ---- which of them --------------------------------------------------------------------------

# All steps if FPMT_STEPS=all.
sub all { return ($ENV{FPMT_STEPS} // '') eq 'all' }

# Else about so many, evenly spread, the last one among them.
sub sample {
    my ($count, @steps) = @_;
    return @steps if all() || @steps <= $count;
    return map { $steps[ int(($_ + 1) * @steps / $count) - 1 ] } 0 .. $count - 1;
}

# Else the last one of each call, in the pool directory where it is made there.
sub of_each_call {
    my (@steps) = @_;
    return @steps if all();
    my $there = qr{<DIR/fpm/pool\.d[/>]};
    my %last = map { $_->{call} => $_ } (grep { $_->{text} !~ $there } @steps), grep { $_->{text} =~ $there } @steps;
    return grep { $last{ $_->{call} } == $_ } @steps;
}

1;
