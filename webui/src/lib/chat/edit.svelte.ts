// Which question is being edited; at most one at a time.

class Edit {
  message = $state<string | null>(null);
}

export const edit = new Edit();
