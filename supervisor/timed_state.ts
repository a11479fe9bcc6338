/** What to do when a state has lasted for a time, in ms. */
export interface Deadline {
  after: number;
  then: () => void;
}

/** A state by its name, with at most one deadline that ends with the state. */
export class TimedState<Name extends string> {
  #name: Name;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(initial: Name) {
    this.#name = initial;
  }

  /** The state, one of its names. */
  get name(): Name {
    return this.#name;
  }

  /** Whether the state is one of these. */
  is(...names: readonly Name[]): boolean {
    return names.includes(this.#name);
  }

  /** Goes over to a state, which may be the same one with another deadline. */
  enter(name: Name, deadline?: Deadline): void {
    clearTimeout(this.#timer);
    this.#name = name;
    this.#timer = deadline && setTimeout(deadline.then, deadline.after);
  }
}
