import { makeModule } from './module.ts';

/** One livepatch of a series. */
export interface Release {
  readonly name: string;
  readonly replace?: boolean;
  /** Functions by object, each with what its new code does beside returning: `{ vmlinux: { f: 'schedule();' } }`. */
  readonly objects?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Versions by id. */
  readonly states?: Readonly<Record<number, number>>;
  /** Callbacks of the first object. */
  readonly callbacks?: readonly ('pre_patch' | 'post_patch' | 'pre_unpatch' | 'post_unpatch')[];
  readonly vermagic?: string;
}

/** Declarations for the code of {@link Release.objects}. */
const declarations = `
extern void schedule(void);
extern int kthread_should_stop(void);
extern void *klp_shadow_get(void *, unsigned long);
extern void *klp_shadow_alloc(void *, unsigned long, unsigned long, unsigned, void *, void *);
extern void klp_shadow_free(void *, unsigned long, void *);
`;

/** Compiles a livepatch of a series with gcc-12. */
export function makeRelease({
  name: module,
  replace = true,
  objects = { vmlinux: { show: '' } },
  states = {},
  callbacks = [],
  vermagic = '6.12.0 SMP ',
}: Release): Promise<Uint8Array> {
  const code: string[] = [declarations];
  const tables: string[] = [];
  for (const [name, functions] of Object.entries(objects)) {
    const object = name.replaceAll(/\W/g, '_');
    const entries = Object.entries(functions).map(([f, body]) => {
      code.push(`void *new_${object}_${f}(void *p) { ${body} return p; }`);
      return `{ "${f}", new_${object}_${f} }`;
    });
    code.push(`static struct klp_func funcs_${object}[] = { ${entries.join(', ')}, { } };`);
    const chosen = tables.length > 0 ? [] : callbacks.map((kind) => `.callbacks.${kind} = run_${kind}`);
    const text = name === 'vmlinux' ? '0' : `"${name}"`;
    tables.push(`{ ${[text, `funcs_${object}`, ...chosen].join(', ')} }`);
  }
  for (const kind of callbacks) code.push(`static int run_${kind}(void *o) { return 0; }`);
  const versions = Object.entries(states).map(([id, version]) => `{ ${id}, ${version} }`);
  return makeModule(
    `${code.join('\n')}
static struct klp_object objs[] = { ${tables.join(', ')}, { } };
static struct klp_state states[] = { ${[...versions, '{ }'].join(', ')} };
static struct klp_patch patch = { &__this_module, objs, states, ${replace ? 1 : 0} };
init { return klp_enable_patch(&patch); }`,
    `INFO(name, "${module}") INFO(license, "GPL") INFO(vermagic, "${vermagic}") INFO(livepatch, "Y")\n`,
  );
}
