import { type Btf, FormatError } from '@klpkit/formats';

/** Sizes and offsets, in bytes, of the kernel's structures that a livepatch holds (include/linux/livepatch.h). */
export interface KlpLayout {
  readonly patch: {
    readonly size: number;
    readonly mod: number;
    readonly objs: number;
    readonly states: number;
    readonly replace: number;
  };
  readonly object: {
    readonly size: number;
    readonly name: number;
    readonly funcs: number;
    readonly prePatch: number;
    readonly postPatch: number;
    readonly preUnpatch: number;
    readonly postUnpatch: number;
  };
  readonly func: {
    readonly size: number;
    readonly oldName: number;
    readonly newFunc: number;
    readonly oldSympos: number;
  };
  readonly state: { readonly size: number; readonly id: number; readonly version: number };
}

/** The callbacks of `struct klp_callbacks`, in the order of its members. */
export const callbackNames = ['pre_patch', 'post_patch', 'pre_unpatch', 'post_unpatch'] as const;
/** One of {@link callbackNames}. */
export type CallbackName = (typeof callbackNames)[number];

/** The layout of Debian's 6.1 and 6.12 for amd64, as their BTF tells it; for files whose kernel is not at hand. */
export const usualLayout: KlpLayout = {
  patch: { size: 200, mod: 0, objs: 8, states: 16, replace: 24 },
  object: { size: 168, name: 0, funcs: 8, prePatch: 16, postPatch: 24, preUnpatch: 32, postUnpatch: 40 },
  func: { size: 152, oldName: 0, newFunc: 8, oldSympos: 16 },
  state: { size: 24, id: 0, version: 8 },
};

/**
 * The layout of the kernel whose types are given.
 *
 * @throws {FormatError} when the kernel has no such structures: one without CONFIG_LIVEPATCH
 */
export function layoutFromBtf(btf: Btf): KlpLayout {
  const struct = (name: string) => {
    const found = btf.findStruct(name);
    if (!found)
      throw new FormatError(
        `btf: no struct ${name}; the kernel is built without CONFIG_LIVEPATCH or older than it`,
      );
    const at = (member: string): number => {
      const { offsetBits } = btf.findMember(found, member) ?? {};
      if (offsetBits === undefined) throw new FormatError(`btf: struct ${name} has no member ${member}`);
      return offsetBits / 8;
    };
    return { size: found.sizeBytes, at };
  };
  const patch = struct('klp_patch');
  const object = struct('klp_object');
  const func = struct('klp_func');
  const state = struct('klp_state');
  const callbacks = struct('klp_callbacks');
  const callback = (member: string) => object.at('callbacks') + callbacks.at(member);
  return {
    patch: {
      size: patch.size,
      mod: patch.at('mod'),
      objs: patch.at('objs'),
      states: patch.at('states'),
      replace: patch.at('replace'),
    },
    object: {
      size: object.size,
      name: object.at('name'),
      funcs: object.at('funcs'),
      prePatch: callback('pre_patch'),
      postPatch: callback('post_patch'),
      preUnpatch: callback('pre_unpatch'),
      postUnpatch: callback('post_unpatch'),
    },
    func: {
      size: func.size,
      oldName: func.at('old_name'),
      newFunc: func.at('new_func'),
      oldSympos: func.at('old_sympos'),
    },
    state: { size: state.size, id: state.at('id'), version: state.at('version') },
  };
}
