// Which runs the sandbox holds, at which base, and how much memory they are thought to take: the least recently used go first.

/** The run's own state, in bytes, before anything is known about it. */
const RUN_BYTES = 8 * 1024;
/** An instance of a workflow file that could not be measured. */
const MODULE_BYTES = 8 * 1024;

/** What is known about the memory of a run. */
export interface RunSize {
  readonly historyBytes: number;
  /** Of its instance of the workflow file. */
  readonly moduleBytes: number | undefined;
}

interface Entry {
  /** Id of the last WorkflowTaskCompleted known to be committed; undefined while a completion is on its way. */
  label: bigint | undefined;
  bytes: number;
}

export interface RunCache {
  /** The label of a run, 'pending', or 'absent'. */
  labelOf(runId: string): bigint | 'pending' | 'absent';
  /** Remembers a run after a task; answers the runs that had to go for it. */
  put(runId: string, label: bigint | undefined, size: RunSize): string[];
  /** Gives a run its base; 0 leaves the one before. */
  commit(runId: string, label: bigint): void;
  delete(runId: string): boolean;
  clear(): void;
  readonly size: number;
}

export function createRunCache(limitBytes: number): RunCache {
  // Insertion order is the order of use.
  const runs = new Map<string, Entry & { before: bigint | undefined }>();
  let total = 0;
  const remove = (runId: string): boolean => {
    const entry = runs.get(runId);
    if (entry === undefined) return false;
    total -= entry.bytes;
    return runs.delete(runId);
  };
  return {
    labelOf(runId) {
      const entry = runs.get(runId);
      return entry === undefined ? 'absent' : (entry.label ?? 'pending');
    },
    put(runId, label, { historyBytes, moduleBytes = MODULE_BYTES }) {
      const before = runs.get(runId)?.label;
      remove(runId);
      // What code keeps of its history differs; a quarter is a guess on the safe side of what was measured.
      const bytes = RUN_BYTES + moduleBytes + Math.ceil(historyBytes / 4);
      runs.set(runId, { label, before, bytes });
      total += bytes;
      const gone: string[] = [];
      for (const other of runs.keys()) {
        if (total <= limitBytes || other === runId) break;
        remove(other);
        gone.push(other);
      }
      return gone;
    },
    commit(runId, label) {
      const entry = runs.get(runId);
      if (entry !== undefined) entry.label = label === 0n ? entry.before : label;
    },
    delete: remove,
    clear() {
      runs.clear();
      total = 0;
    },
    get size() {
      return runs.size;
    },
  };
}
